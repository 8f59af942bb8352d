// Filters that go through a sequence or a mapping.
#pragma once

#include <string>

#include "data/jinja/value.h"

namespace longbow::data::jinja {

using SequenceFilter = Value (*)(const Value&, const Arguments&);

/// nullptr when there is none of that name.
SequenceFilter find_sequence_filter(const std::string& name);

}  // namespace longbow::data::jinja
