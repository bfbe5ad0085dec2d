// libstdc++'s string streams as part of libibn_cuda.so: torch's headers use them, and some of their members
// are exported only since gcc 9 and 11, while libtorch itself asks for gcc 8's library.
#include <sstream>

template class std::basic_stringbuf<char>;
template class std::basic_ostringstream<char>;
template class std::basic_stringstream<char>;
