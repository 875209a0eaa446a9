// SPDX-License-Identifier: Apache-2.0
// Memory with one write and one read port, both synchronous to one clock.
// Read data follow the address by one cycle and keep their value while re_i is low.
// What a read of the address written in the same cycle gives is undefined: users keep the two
// apart, so that no synthesis tool has to add bypass logic. Content after power-up is undefined
// and reset does not touch it.
`default_nettype none

module spk_mem_1r1w #(
    parameter integer WIDTH = 16,  // bits of a word, 1 or more
    parameter integer DEPTH = 256  // words, 2 or more
) (
    input  wire                     clk,
    // write port
    input  wire                     we_i,
    input  wire [$clog2(DEPTH)-1:0] waddr_i,
    input  wire [        WIDTH-1:0] wdata_i,
    // read port
    input  wire                     re_i,
    input  wire [$clog2(DEPTH)-1:0] raddr_i,
    output wire [        WIDTH-1:0] rdata_o
);

  // Two clocked blocks and no reset: the one form every tool turns into block RAM.
  (* no_rw_check *)
  reg [WIDTH-1:0] mem[0:DEPTH-1]  /*verilator public_flat_rd*/;
  reg [WIDTH-1:0] rdata_q;

  always @(posedge clk) begin
    if (we_i) mem[waddr_i] <= wdata_i;
  end

  always @(posedge clk) begin
    if (re_i) rdata_q <= mem[raddr_i];
  end

  assign rdata_o = rdata_q;

endmodule

`default_nettype wire
