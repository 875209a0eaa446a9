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

  // A multiplier is at hand on every target and a barrel shifter is not.
  wire signed [8:0] power = 9'sd1 <<< g_i;
  wire signed [IN+8:0] product = x_i * power;

  spk_saturate #(
      .IN (IN + 7),
      .OUT(OUT)
  ) u_saturate (
      .x_i(product[IN+6:0]),
      .y_o(y_o)
  );

  // Two sign bits more than 2^7 needs.
  wire unused_sign = &{1'b0, product[IN+8:IN+7]};

endmodule

`default_nettype wire
