// Native histograms as text for people: what `tsdb dump` prints.
//
//   {count:12, sum:18.4, [-2,-1):1, [-0.001,0.001]:2, (0.5,1]:3, (1,2]:6}
//
// Buckets ascend; empty ones are left out. Integer counts print as integers, floats with Go's %g.
// Threads: any.
#pragma once

#include <string>

#include "model/histogram.h"

namespace narthex {

/// Source: Prometheus model/histogram, Histogram.String() and FloatHistogram.String()
std::string to_text(const Histogram& h);
std::string to_text(const FloatHistogram& h);

}  // namespace narthex
