"""Every `strategy.run`: training, its preview, scoring and meeting."""
