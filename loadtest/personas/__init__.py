"""Who comes to the shop, one file each."""
