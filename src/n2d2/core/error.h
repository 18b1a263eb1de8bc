// Every error this library throws; Python sees them as subclasses of the expected built-ins.
#pragma once
#include <stdexcept>
#include <string>

namespace n2d2 {

/// Base of the family; `what()` is one or two lines that name the node, what was expected and what came.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An extent, rank or number of rows that does not fit. Python: ValueError.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// A data type that does not fit. Python: TypeError.
class TypeError : public Error {
 public:
  using Error::Error;
};

/// An attribute or argument outside its range. Python: ValueError.
class ValueError : public Error {
 public:
  using Error::Error;
};

/// Something that exists elsewhere but not here. Python: NotImplementedError.
class UnsupportedError : public Error {
 public:
  using Error::Error;
};

/// A device, driver or vendor library that failed or is missing. Python: RuntimeError.
class BackendError : public Error {
 public:
  using Error::Error;
};

/// A call that does not fit the state, such as a backward pass over outdated weights. Python: RuntimeError.
class StateError : public Error {
 public:
  using Error::Error;
};

}  // namespace n2d2
