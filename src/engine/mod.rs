//! The port to the Docker Engine API.
