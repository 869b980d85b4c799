// The carrier of the precompiled header; see CMakeLists.txt.
