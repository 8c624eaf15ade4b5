"""The strategies that come with the workstation, one file each; entry points of `tws.strategies` name them."""
