"""The add-on of an application: which credential it uses; the key itself is the vault's alone."""
