//! What may depend on what, checked by the tests of this package. It compiles nothing of the product.
