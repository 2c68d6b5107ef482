# cmake -DOUTPUT=FILE.cc -DFILES=a;b;c -P write_console.cmake
# Writes the page's files as a source: engine/session/http/assets.h declares what is in it.
set(literals "")
set(rows "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(SIZE ${file} size)
  file(SHA256 ${file} hash)
  string(SUBSTRING ${hash} 0 16 tag)
  file(READ ${file} hex HEX)
  # In lines that an editor can still open; a literal goes on in the next one.
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${hex}")
  string(REPEAT "...." 24 line)
  string(REGEX REPLACE "(${line})" "\\1\"\n    \"" bytes "${bytes}")
  string(MAKE_C_IDENTIFIER "${name}" identifier)
  string(APPEND literals "constexpr char ${identifier}[] =\n    \"${bytes}\";\n")
  string(APPEND rows "    {\"${name}\", {${identifier}, ${size}}, \"\\\"${tag}\\\"\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"engine/session/http/assets.h\"

namespace duolog::session {
namespace {

${literals}
constexpr HttpAsset kAssets[] = {
${rows}};

}  // namespace

std::span<const HttpAsset> http_assets() { return kAssets; }

}  // namespace duolog::session
")
