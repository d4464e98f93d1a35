#!/bin/sh
# Says by its exit status whether a C++ compiler finds oneDNN's headers and library.
command -v "${CXX:-c++}" >/dev/null || exit 1
printf '#include <dnnl.hpp>\nint main() { return dnnl_version() == nullptr; }\n' |
	"${CXX:-c++}" -x c++ - -ldnnl -o /dev/null 2>/dev/null
