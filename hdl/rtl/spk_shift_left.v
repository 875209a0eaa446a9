// SPDX-License-Identifier: Apache-2.0
// shift_left(x, g): saturate(x * 2^g, OUT) for g = 0 to 7, the product exact. Combinational.
`default_nettype none

module spk_shift_left #(
    parameter integer IN  = 16,  // bits of x
    parameter integer OUT = 18   // bits of the result, less than IN + 7
) (
    input  wire signed [ IN-1:0] x_i,
    input  wire        [    2:0] g_i,
    output wire signed [OUT-1:0] y_o
);

  wire signed [IN+6:0] product = {{7{x_i[IN-1]}}, x_i} <<< g_i;

  spk_saturate #(
      .IN (IN + 7),
      .OUT(OUT)
  ) u_saturate (
      .x_i(product),
      .y_o(y_o)
  );

endmodule

`default_nettype wire
