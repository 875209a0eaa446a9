// SPDX-License-Identifier: Apache-2.0
// First-in first-out queue in block RAM, one word in and one word out per cycle.
// A word written into an empty queue shows at the output two cycles later. level_o counts every
// word accepted and not yet taken. rst and clear_i empty the queue at the next clock edge.
`default_nettype none

module spk_fifo #(
    parameter integer WIDTH = 16,  // bits of a word
    parameter integer DEPTH = 512  // words; power of two, 4 or more
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   clear_i,
    // in
    input  wire [      WIDTH-1:0] s_axis_tdata,
    input  wire                   s_axis_tvalid,
    output wire                   s_axis_tready,
    // out
    output wire [      WIDTH-1:0] m_axis_tdata,
    output wire                   m_axis_tvalid,
    input  wire                   m_axis_tready,
    // words held, 0 to DEPTH
    output wire [$clog2(DEPTH):0] level_o
);

  localparam integer AW = $clog2(DEPTH);

  generate
    if (DEPTH != (1 << AW) || DEPTH < 4) begin : g_check
      spk_illegal_parameter_DEPTH u_depth_must_be_a_power_of_two ();
    end
  endgenerate

  reg [AW:0] level_q;
  reg [AW:0] wptr_q;
  reg [AW:0] rptr_q;  // next word to leave the RAM
  reg valid_q;  // the RAM's read register holds the oldest word

  wire push = s_axis_tvalid & s_axis_tready;
  wire pop = m_axis_tvalid & m_axis_tready;
  // Reading waits until the write is done, so the RAM never reads what it is writing.
  wire fetch = (wptr_q != rptr_q) & (~valid_q | m_axis_tready);

  // All bits of the level below the top one are 0 when it is set: DEPTH is a power of two.
  assign s_axis_tready = ~level_q[AW];
  assign m_axis_tvalid = valid_q;
  assign level_o       = level_q;

  always @(posedge clk) begin
    if (push) wptr_q <= wptr_q + {{AW{1'b0}}, 1'b1};
    if (fetch) rptr_q <= rptr_q + {{AW{1'b0}}, 1'b1};
    if (fetch) valid_q <= 1'b1;
    else if (pop) valid_q <= 1'b0;
    if (push & ~pop) level_q <= level_q + {{AW{1'b0}}, 1'b1};
    else if (pop & ~push) level_q <= level_q - {{AW{1'b0}}, 1'b1};
    if (rst | clear_i) begin
      wptr_q  <= {(AW + 1) {1'b0}};
      rptr_q  <= {(AW + 1) {1'b0}};
      level_q <= {(AW + 1) {1'b0}};
      valid_q <= 1'b0;
    end
  end

  spk_mem_1r1w #(
      .WIDTH(WIDTH),
      .DEPTH(DEPTH)
  ) u_mem (
      .clk    (clk),
      .we_i   (push),
      .waddr_i(wptr_q[AW-1:0]),
      .wdata_i(s_axis_tdata),
      .re_i   (fetch),
      .raddr_i(rptr_q[AW-1:0]),
      .rdata_o(m_axis_tdata)
  );

endmodule

`default_nettype wire
