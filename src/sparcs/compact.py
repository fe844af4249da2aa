"""From a trained SpectralNetwork to a plain module that holds only the layers and neurons that matter."""
