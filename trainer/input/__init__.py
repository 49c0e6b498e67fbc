"""From a split's arrays to the chunks that devices are handed."""
