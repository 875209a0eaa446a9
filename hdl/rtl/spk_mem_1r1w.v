// SPDX-License-Identifier: Apache-2.0
// Memory with one write and one read port, both synchronous to one clock.
// Read data follow the address by one cycle and keep their value while re_i is low.
// A write replaces the chunks of CHUNK bits whose we_i is set, whole words by default.
// What a read of the address written in the same cycle gives is undefined: users keep the two
// apart, so that no synthesis tool has to add bypass logic, and in simulation they get it wrong
// on purpose. Content after power-up is undefined and reset does not touch it.
`default_nettype none

module spk_mem_1r1w #(
    parameter integer WIDTH = 16,   // bits of a word, 1 or more
    parameter integer DEPTH = 256,  // words, 2 or more
    parameter integer CHUNK = WIDTH  // bits written by one enable; divides WIDTH
) (
    input  wire                     clk,
    // write port
    input  wire [  WIDTH/CHUNK-1:0] we_i,
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
  integer k;

  always @(posedge clk) begin
    for (k = 0; k < WIDTH / CHUNK; k = k + 1) begin
      if (we_i[k]) mem[waddr_i][k*CHUNK+:CHUNK] <= wdata_i[k*CHUNK+:CHUNK];
    end
  end

  always @(posedge clk) begin
`ifdef SYNTHESIS
    if (re_i) rdata_q <= mem[raddr_i];
`else
    if (re_i) rdata_q <= ((|we_i) & (waddr_i == raddr_i)) ? ~mem[raddr_i] : mem[raddr_i];
`endif
  end

  assign rdata_o = rdata_q;

endmodule

`default_nettype wire
