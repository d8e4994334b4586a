"""The paper's experiments on labelled data of one's own: protocol, runs, records, ensembles and the results page."""
