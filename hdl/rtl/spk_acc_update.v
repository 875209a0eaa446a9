// SPDX-License-Identifier: Apache-2.0
// The word an accumulator gets: sat_add(a, b, WIDTH) while add_i is 1, else other_i.
// Combinational. Sum, both rails and the other word are four choices, and choosing by two bits
// takes one LUT4 per data bit; spk_sat_add followed by a multiplexer takes two, in every lane.
`default_nettype none

module spk_acc_update #(
    parameter integer WIDTH = 16  // bits of a word, 2 or more
) (
    input  wire                    add_i,
    input  wire signed [WIDTH-1:0] a_i,
    input  wire signed [WIDTH-1:0] b_i,
    input  wire        [WIDTH-1:0] other_i,
    output wire        [WIDTH-1:0] y_o
);

  wire [WIDTH:0] sum = {a_i[WIDTH-1], a_i} + {b_i[WIDTH-1], b_i};
  wire over = sum[WIDTH] ^ sum[WIDTH-1];

  // 00 sum, 01 other word, 10 low rail, 11 high rail
  wire [1:0] choice = add_i ? {over, over & ~sum[WIDTH]} : 2'b01;

  assign y_o = choice[1] ? {~choice[0], {(WIDTH - 1) {choice[0]}}} :
               choice[0] ? other_i : sum[WIDTH-1:0];

endmodule

`default_nettype wire
