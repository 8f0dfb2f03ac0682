"""One installation on one machine: `sealgate up` makes what a first start needs, and keeps it alive."""
