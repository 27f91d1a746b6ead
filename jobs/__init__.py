"""Jobs that RQ may run. Whole numbers in, one verb of the engine each."""
