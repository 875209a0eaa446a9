// SPDX-License-Identifier: Apache-2.0
// sat_add(a, b, WIDTH): saturate(a + b), the sum itself exact. Combinational.
`default_nettype none

module spk_sat_add #(
    parameter integer WIDTH = 16  // bits of both operands and of the result, 2 or more
) (
    input  wire signed [WIDTH-1:0] a_i,
    input  wire signed [WIDTH-1:0] b_i,
    output wire signed [WIDTH-1:0] y_o
);

  wire signed [WIDTH:0] sum = {a_i[WIDTH-1], a_i} + {b_i[WIDTH-1], b_i};

  spk_saturate #(
      .IN (WIDTH + 1),
      .OUT(WIDTH)
  ) u_saturate (
      .x_i(sum),
      .y_o(y_o)
  );

endmodule

`default_nettype wire
