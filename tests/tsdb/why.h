// The text of an error for a test's message. Not `.error().text`: doctest may print the
// message of a check that holds, and then there is no error to ask.
#pragma once

#include <string>

#include "model/result.h"

namespace narthex::tsdb {

template <class T>
std::string why(const Result<T>& result) {
  return result ? "no error" : result.error().text;
}

}  // namespace narthex::tsdb
