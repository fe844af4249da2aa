"""Names of kinds of data, as they stand in tables and paths: numerics and settings share them."""

TEACHER = "teacher"  # the paper's, of experiment 2
ALPHA_BETA = "alpha_beta"  # the family of experiment 1
NEW_TEACHERS = "new_teachers"  # others of its kind, one a trial
