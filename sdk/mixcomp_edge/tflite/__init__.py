"""A bundle as a .tflite file for TensorFlow Lite Micro. Each operator says of itself how (ir/tflite.py); here
these words become a file (schema, writer), and TFLM itself runs it (micro)."""
