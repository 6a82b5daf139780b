"""For developers of the lab: what draws the pictures of products, takes those of the docs and updates packages.

Of the lab only its command uses these, each when its verb runs.
"""
