// Whether this thread runs forward-mode differentiation.
#pragma once

namespace ibn {

// Tangents are no part of what a tensor says of itself: while it is set, ops go through the Autograd keys
// whatever requires grad.
inline thread_local bool has_tangents = false;

}  // namespace ibn
