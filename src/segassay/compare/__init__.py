"""Two results side by side: releases of one data set, or candidate labels of the same images."""
