# SPDX-License-Identifier: Apache-2.0
# Doxygen reads a header through this: the comments of this library become comments of Doxygen's. The one below the include
# guard is about the file; one above a declaration is about that; one behind a member is about that.

# Text, without what Doxygen would take for a command, markup or a link.
function plain(text) {
  gsub(/[\\@<>#%&$]/, "\\\\&", text)
  return text
}

# A line of a comment. A line that is indented by two more, after an empty one, is code.
function comment(mark, text) {
  if (text ~ /^   / && (was_empty || was_code)) {
    was_code = 1
    was_empty = 0
    return mark "   " text
  }
  was_code = 0
  was_empty = text ~ /^ *$/
  return mark plain(text)
}

/^\/\/ SPDX-License-Identifier/ { print ""; next }
# What is ours alone is left out; its lines stay, so that the numbers are right.
/^namespace (soak::)?detail {$/ { in_detail = 1 }
in_detail {
  print ""
  if (/^}  \/\/ namespace (soak::)?detail$/) {
    in_detail = 0
  }
  next
}

/^#define SOAK_[A-Z0-9_]*_H_$/ { print; after_guard = 1; next }

/^ *\/\// {
  indent = $0
  sub(/\/\/.*/, "", indent)
  text = $0
  sub(/^ *\/\//, "", text)
  if (behind && length(indent) >= behind - 1) {
    print indent comment("///<", text)
    next
  }
  behind = 0
  if (after_guard) {
    print indent "/// @file"
    after_guard = 0
  }
  print indent comment("///", text)
  next
}

{
  was_code = was_empty = behind = 0
  if ($0 !~ /^[ ]*#|^}|"[^"]*\/\/|^ *$/ && match($0, /[;,A-Za-z0-9)}]  ?\/\/ /)) {
    behind = RSTART + RLENGTH - 3
    print substr($0, 1, behind - 1) comment("///<", substr($0, RSTART + RLENGTH - 1))
    next
  }
  if ($0 !~ /^ *$/) {
    after_guard = 0
  }
  print
}
