"""Training, evaluation and export of the networks in discflow's model packs."""
