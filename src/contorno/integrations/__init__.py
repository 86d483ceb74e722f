"""Neighbour packages that work beside contorno; each module here is the one door to the package of its name."""
