"""One to ten hidden layers where the data needs one."""
