"""Which format for which layer, and the arithmetic of training with it: sensitivity, selector, quantizers, estimators,
calibration. arXiv 2312.02210."""
