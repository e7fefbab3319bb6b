// Reads a whole page as a scrape loop would that knows nothing yet, and prints what it saw.
#pragma once

#include <string>
#include <string_view>

#include "scrape/exposition/parser.h"

namespace narthex::scrape {

struct Page {
  std::string entries;  ///< one line an entry, see read_page()
  std::string error;    ///< the page was refused; its text
  std::uint32_t line = 0;
};

/// Entries print as
///   series `{__name__="a"} VALUE [@MS] [# {labels} VALUE [@MS]]`
///   type `TYPE name counter`, help `HELP name text`, unit `UNIT name unit`, comment `# text`
Page read_page(Format format, std::string_view text, ScanBlock scan = best_scan_block());

}  // namespace narthex::scrape
