// SPDX-License-Identifier: Apache-2.0
// saturate(x, OUT): the nearest value that a signed word of OUT bits holds. Combinational.
`default_nettype none

module spk_saturate #(
    parameter integer IN  = 20,  // bits of x, more than OUT
    parameter integer OUT = 18   // bits of the result, 2 or more
) (
    input  wire signed [ IN-1:0] x_i,
    output wire signed [OUT-1:0] y_o
);

  wire negative = x_i[IN-1];
  // x fits when all bits from the result's sign upwards are the same.
  wire fits = (&x_i[IN-1:OUT-1]) | ~(|x_i[IN-1:OUT-1]);

  assign y_o = fits ? x_i[OUT-1:0] : {negative, {(OUT - 1) {~negative}}};

endmodule

`default_nettype wire
