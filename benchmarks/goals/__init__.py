"""The goals, a file each: `measure() -> Result`."""
