// SPDX-License-Identifier: Apache-2.0
// decay(z, a) = sign(z) * ((|z| * a) >> 12) for 0 <= a <= 4096.
// The result is d_o + carry_o: the sign is put back by inverting the bits and adding 1. The adder
// behind takes that 1 for nothing, and d_o is a bit wider for it. Latency 2 cycles, one value per
// cycle, no handshake. The multiplier lies between registers. Reset does not touch the data.
`default_nettype none

module spk_decay #(
    parameter integer WIDTH = 18  // bits of z
) (
    input  wire                    clk,
    input  wire signed [WIDTH-1:0] z_i,
    input  wire        [     12:0] a_i,
    output wire signed [  WIDTH:0] d_o,
    output wire                    carry_o
);

  `include "spk_core_defs.vh"

  reg [WIDTH-1:0] magnitude_q;
  reg [12:0] factor_q;
  reg sign1_q, sign2_q;
  reg [WIDTH-1:0] scaled_q;

  wire [WIDTH-1:0] z = z_i;
  // The magnitude of the lowest value needs all WIDTH bits, unsigned.
  wire [WIDTH-1:0] magnitude = (z ^ {WIDTH{z[WIDTH-1]}}) + {{(WIDTH - 1) {1'b0}}, z[WIDTH-1]};
  wire [WIDTH+12:0] product = magnitude_q * factor_q;

  always @(posedge clk) begin
    magnitude_q <= magnitude;
    factor_q    <= a_i;
    sign1_q     <= z[WIDTH-1];

    scaled_q    <= product[SPK_DECAY_BITS+:WIDTH];
    sign2_q     <= sign1_q;
  end

  assign d_o     = {1'b0, scaled_q} ^ {(WIDTH + 1) {sign2_q}};
  assign carry_o = sign2_q;

  // a = 4096 is the largest factor, so the top bit of the product is 0; the low bits are the
  // fraction that is cut off.
  wire unused_product = &{1'b0, product[WIDTH+12], product[SPK_DECAY_BITS-1:0]};

endmodule

`default_nettype wire
