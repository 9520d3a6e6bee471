"""The version of this dunoe, said once."""

VERSION = "0.1.0"
