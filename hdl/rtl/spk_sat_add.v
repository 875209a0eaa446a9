// SPDX-License-Identifier: Apache-2.0
// sat_add(a, b, WIDTH): saturate(a + b), the sum itself exact. Combinational.
// carry_i adds 1 to it, for an operand that spk_decay gives in two parts.
`default_nettype none

module spk_sat_add #(
    parameter integer WIDTH   = 16,    // bits of the result, 2 or more
    parameter integer OPERAND = WIDTH  // bits of both operands, WIDTH or more
) (
    input  wire signed [OPERAND-1:0] a_i,
    input  wire signed [OPERAND-1:0] b_i,
    input  wire                      carry_i,
    output wire signed [  WIDTH-1:0] y_o
);

  // The carry enters through a bit below the lowest one: one adder, not two.
  wire [OPERAND+1:0] sum = {a_i[OPERAND-1], a_i, 1'b1} + {b_i[OPERAND-1], b_i, carry_i};
  wire unused_bit = sum[0];

  spk_saturate #(
      .IN (OPERAND + 1),
      .OUT(WIDTH)
  ) u_saturate (
      .x_i(sum[OPERAND+1:1]),
      .y_o(y_o)
  );

endmodule

`default_nettype wire
