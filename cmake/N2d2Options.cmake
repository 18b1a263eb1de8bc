# One interface target carries every compile choice; nothing is set directory-wide.
add_library(n2d2_options INTERFACE)
target_compile_features(n2d2_options INTERFACE cxx_std_20)
target_compile_options(n2d2_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wno-missing-field-initializers -fvisibility=hidden -fvisibility-inlines-hidden>
  $<$<BOOL:${N2D2_WERROR}>:-Werror>)
target_link_options(n2d2_options INTERFACE -Wl,--exclude-libs,ALL -Wl,--gc-sections)
if(N2D2_SANITIZE)
  target_compile_options(n2d2_options INTERFACE -fsanitize=${N2D2_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(n2d2_options INTERFACE -fsanitize=${N2D2_SANITIZE})
endif()
