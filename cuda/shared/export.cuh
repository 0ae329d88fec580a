// Export tables of one type: native-build/ptx.sh compiles a source that has a line "// types: fp64 fp32 ..." once for each,
// with QUERN_TYPE naming it. A module then holds what one type needs, and a process loads no more than that.
#pragma once

/// The rows of a table for QUERN_TYPE: TABLE(fp64), where the type is fp64.
#define QUERN_EXPORT(TABLE)       QUERN_EXPORT_AS(TABLE, QUERN_TYPE)
#define QUERN_EXPORT_AS(TABLE, T) TABLE(T)

/// Size of QUERN_TYPE, for #if.
#define QUERN_TYPE_BYTES  QUERN_EXPORT(QUERN_BYTES_OF)
#define QUERN_BYTES_OF(T) QUERN_BYTES_##T
#define QUERN_BYTES_fp64  8
#define QUERN_BYTES_fp32  4
#define QUERN_BYTES_fp16  2
#define QUERN_BYTES_bf16  2
