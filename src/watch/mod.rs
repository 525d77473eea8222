//! The live-reload loop: file events → change set → plan → execute.
