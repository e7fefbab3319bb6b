// write_shortest_fraction: the fewest decimal digits that give a double back when they are read.
//
// Schubfach: the numbers that round to a double lie between the middles to its neighbours. Scaled by a power
// of ten so that this interval is 2 to 20 units wide, it holds one or a few whole numbers; one of them may
// end with a zero, which is then left out, and else the one nearest to the double is taken.
//
// Only for magnitudes from 1e-6 to 2^53, which is what samples nearly always are: there every power of ten
// that is needed fits into 128 bits without an error. Twice as fast as std::to_chars.
//
// Threads: any.
// Source: Raffaello Giulietti, The Schubfach way to render doubles (2020)
#pragma once

#include <cstddef>

namespace narthex {

/// The room that write_shortest_fraction() needs; the number itself has 26 characters at most.
inline constexpr std::size_t kShortestFractionRoom = 40;

/// Writes it in plain notation: `0.0000125`, `1234.5`.
/// @param v  from 1e-6 to 2^53, no whole number
/// @return   behind the last digit
char* write_shortest_fraction(char* out, double v);

}  // namespace narthex
