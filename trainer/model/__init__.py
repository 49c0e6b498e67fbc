"""The network: its layers, its chance and its optimizer."""
