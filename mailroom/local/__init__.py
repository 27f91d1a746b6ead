"""What only a local run needs: the embedded Valkey, the catcher, the processes."""
