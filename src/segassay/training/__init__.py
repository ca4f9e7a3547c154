"""Training a judge: the store of expert cases, the draw of faulty pairs, the loop, the export."""
