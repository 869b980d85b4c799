// The carrier of the precompiled header; see src/CMakeLists.txt.
