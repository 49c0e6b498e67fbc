"""An export behind other servers, each as its own documentation has it."""
