"""Names of the real tables, and what they are known by: settings need them, and load nothing else."""

SHIPPED = {  # SHA-256 of x and y as little-endian float64, one after the other
    "digits": "f19a7d92591ca0a1ffc65ec172e8149afdff995e0d2c4cb0afd151f38471ff90",
    "breast_cancer": "cdd5f37c36cbdfc2e5ee074cec7540fac54340874afb25917a673e446270d0d0",
    "wine": "c7e84e8e03b2b5a354287416d84d08945318450658a22a63c39973d8306c2ca4",
    "diabetes": "e9c1f7559552854a24dc45b41c446ce5f79f96e5da081bcce24b57492720b3f7",
    "diamonds": "687d95d918e0de8698e8ec9e67f3a7c60d23306143a609f88e6256ca840a72f8",
}
FRIEDMAN = {"friedman1": 1.0, "friedman2": 125.0, "friedman3": 0.1}  # standard deviation of the noise (Friedman, 1991)
NAMES = (*SHIPPED, *FRIEDMAN)
